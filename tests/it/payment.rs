//! Payments without faults.

use reqwest::StatusCode;

use crate::support::World;

#[tokio::test]
async fn a_payment_is_booked_once_at_each_authority_and_receipted() {
    let world = World::new().await;
    let (available, _) = world.agent().float().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    let paid = world.agent().pays(&quote).await;
    assert_eq!((paid.status, paid.state()), (StatusCode::CREATED, "confirmed"), "{}", paid.text);
    assert_eq!(world.agent().float().await, (available - quote.total, 0));
    assert_eq!((world.booked("BAPENDA"), world.booked("JASA_RAHARJA")), (1, 1));
    world.books_agree().await;
    world.verified().await;
}

#[tokio::test]
async fn a_silent_bapenda_leaves_a_doubt_that_asking_settles_by_our_reference() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "reset_after_booking");
    let paid = world.agent().pays(&quote).await;
    assert_eq!((paid.status, paid.state()), (StatusCode::ACCEPTED, "in_doubt"), "{}", paid.text);
    world.no_faults();
    assert_eq!(world.settle_doubts().await, 0);
    let now = world.agent().reads(&paid.id()).await;
    assert_eq!(now.state(), "confirmed", "{}", now.text);
    world.books_agree().await;
    world.verified().await;
}

#[tokio::test]
async fn what_never_arrived_is_sent_again_under_the_same_reference_once_it_is_proven_absent() {
    let world = World::new().await;
    let quote = world.agent().looks_up(&world.vehicle()).await;
    world.fault("BAPENDA", "payment", "reset_before");
    let paid = world.agent().pays(&quote).await;
    assert_eq!(paid.state(), "in_doubt", "{}", paid.text);
    world.no_faults();
    world.settle_doubts().await;
    assert_eq!(
        world.agent().reads(&paid.id()).await.state(),
        "in_doubt",
        "a 404 before not_after proves nothing"
    );
    world.hosts_later(10);
    assert_eq!(world.settle_doubts().await, 0);
    assert_eq!(world.agent().reads(&paid.id()).await.state(), "confirmed");
    world.books_agree().await;
    world.verified().await;
}
