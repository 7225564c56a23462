//! Questions gathered into one statement: each is answered its own, one never fails its neighbours, and a session that the
//! database ended is noticed by nobody.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use samsat_gateway::db::{Gather, Question};
use sqlx::{Executor, PgConnection};

use crate::support::World;

static STATEMENTS: AtomicUsize = AtomicUsize::new(0);

/// A hundred by a number.
struct Share(i64);

impl Question for Share {
    type Answer = i64;

    async fn ask(connection: &mut PgConnection, shares: &[&Self]) -> Result<Vec<i64>, sqlx::Error> {
        STATEMENTS.fetch_add(1, Ordering::SeqCst);
        let by: Vec<i64> = shares.iter().map(|share| share.0).collect();
        sqlx::query_scalar(
            "SELECT 100 / n FROM unnest($1::bigint[]) WITH ORDINALITY u (n, place) ORDER BY place",
        )
        .bind(by)
        .fetch_all(connection)
        .await
    }
}

#[tokio::test]
async fn what_waits_is_asked_together_and_what_the_database_refuses_fails_alone() {
    let world = World::new().await;
    let gather: Gather<Share> = Gather::start(&world.app.db);
    let asked = join_all((1..=50).map(|n| gather.ask(Share(n)))).await;
    let told: Vec<i64> = asked.into_iter().map(Result::unwrap).collect();
    assert_eq!(told, (1..=50).map(|n| 100 / n).collect::<Vec<i64>>(), "each its own answer");
    assert!(STATEMENTS.load(Ordering::SeqCst) <= 5, "{STATEMENTS:?} statements for fifty questions");
    let asked = join_all([4, 0, 5].map(|n| gather.ask(Share(n)))).await;
    let told: Vec<Option<i64>> = asked.into_iter().map(Result::ok).collect();
    assert_eq!(told, [Some(25), None, Some(20)], "only the division by zero fails");
    let mut admin = world.admin_connection().await;
    let ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    admin.execute(ended).await.unwrap();
    assert_eq!(gather.ask(Share(2)).await.unwrap(), 50, "over a new connection");
}
