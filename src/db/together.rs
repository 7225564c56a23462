//! Many writings in one round trip: each table's own function of the database, called one after the other in one statement.
//!
//! What a batch writes is decided before it is written, so nothing has to be asked in between. Each function is written
//! in the migration of its table, beside the table; each module says what it writes by pushing a call.

use sqlx::postgres::{PgArguments, Postgres};
use sqlx::{Arguments, AssertSqlSafe, Encode, PgConnection, Type};

/// Calls on their way into one statement.
#[derive(Debug, Default)]
pub struct Together {
    calls: Vec<String>,
    arguments: PgArguments,
    count: usize,
    broken: Option<sqlx::Error>,
}

impl Together {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `function` after what was called before; its arguments follow in their order.
    pub fn call(&mut self, function: &'static str) -> Call<'_> {
        self.calls.push(format!("{function}("));
        Call { together: self, first: true }
    }

    /// Runs all calls, in order, in the open transaction. Nothing when there are none.
    ///
    /// # Errors
    /// [`sqlx::Error`] when an argument cannot be encoded, or a constraint or trigger refuses.
    pub async fn run(self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        if self.calls.is_empty() {
            return Ok(());
        }
        let calls: Vec<String> = self.calls.into_iter().map(|call| format!("{call})")).collect();
        // Only names from our own code stand in it.
        let statement = AssertSqlSafe(format!("SELECT {}", calls.join(", ")));
        sqlx::query_with(statement, self.arguments).execute(connection).await?;
        Ok(())
    }
}

/// One call in the making.
#[derive(Debug)]
pub struct Call<'a> {
    together: &'a mut Together,
    first: bool,
}

impl Call<'_> {
    /// The next argument.
    #[must_use = "a call takes all arguments of its function; end it with `done`"]
    pub fn with<'q, T: Encode<'q, Postgres> + Type<Postgres>>(mut self, value: T) -> Self {
        let together = &mut *self.together;
        together.count += 1;
        if let Err(why) = together.arguments.add(value) {
            together.broken = Some(sqlx::Error::Encode(why));
        }
        if let Some(call) = together.calls.last_mut() {
            let comma = if self.first { "" } else { ", " };
            call.extend([comma, "$", &together.count.to_string()]);
        }
        self.first = false;
        self
    }

    /// All arguments are there.
    pub fn done(self) {}
}
