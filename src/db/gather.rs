//! Many questions in one statement: what was asked while the last answer was on its way is answered together.
//!
//! No timer, so a lone question waits for nobody. Who stops waiting leaves nothing behind, and a statement that the
//! database refuses is repeated for each question alone, so that one never fails its neighbours.

use std::future::Future;
use std::time::Duration;

use sqlx::PgConnection;
use tokio::sync::{mpsc, oneshot};

use super::Db;

/// Questions in one statement, at most.
const TOGETHER_MAX: usize = 128;
/// Questions that may wait.
const QUEUE_MAX: usize = 4096;

/// Something that can be asked for many at once.
pub trait Question: Send + Sync + Sized + 'static {
    /// What each is answered.
    type Answer: Send + 'static;

    /// Asks all; one answer a question, in order.
    fn ask(
        connection: &mut PgConnection,
        questions: &[&Self],
    ) -> impl Future<Output = Result<Vec<Self::Answer>, sqlx::Error>> + Send;
}

type Waiting<Q> = (Q, oneshot::Sender<Result<<Q as Question>::Answer, sqlx::Error>>);

/// Gathers questions of one kind.
#[derive(Debug)]
pub struct Gather<Q: Question> {
    queue: mpsc::Sender<Waiting<Q>>,
}

impl<Q: Question> Clone for Gather<Q> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<Q: Question> Gather<Q> {
    /// Starts to answer, over a connection of its own; ends when the last copy is dropped.
    #[must_use]
    pub fn start(db: &Db) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(answer_all(Answerer { db: db.clone(), connection: None }, waiting));
        Self { queue }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// [`sqlx::Error`] as the statement's own; `PoolTimedOut` when too many wait or the database does not answer.
    pub async fn ask(&self, question: Q) -> Result<Q::Answer, sqlx::Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send((question, reply)).map_err(|_| sqlx::Error::PoolTimedOut)?;
        answer.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
    }
}

async fn answer_all<Q: Question>(mut answerer: Answerer, mut queue: mpsc::Receiver<Waiting<Q>>) {
    let mut waiting = Vec::with_capacity(TOGETHER_MAX);
    while queue.recv_many(&mut waiting, TOGETHER_MAX).await > 0 {
        waiting.retain(|(_, reply)| !reply.is_closed());
        let (questions, replies): (Vec<Q>, Vec<_>) = waiting.drain(..).unzip();
        let answers = answerer.answer(&questions.iter().collect::<Vec<_>>()).await;
        for (reply, answer) in replies.into_iter().zip(answers) {
            // Whoever asked may be gone.
            drop(reply.send(answer));
        }
    }
}

/// Asks over one connection, which is dropped when anything about it is unknown.
struct Answerer {
    db: Db,
    connection: Option<PgConnection>,
}

impl Answerer {
    async fn answer<Q: Question>(&mut self, questions: &[&Q]) -> Vec<Result<Q::Answer, sqlx::Error>> {
        if questions.is_empty() {
            return vec![];
        }
        match self.ask(questions).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(why) if questions.len() == 1 => vec![Err(why)],
            // Nobody is helped by waiting for the same server once more each.
            Err(why) if super::is_connection_loss(&why) => {
                tracing::warn!(%why, questions = questions.len(), "the database does not answer");
                questions.iter().map(|_| Err(sqlx::Error::PoolTimedOut)).collect()
            }
            Err(_) => {
                let mut answers = Vec::with_capacity(questions.len());
                for question in questions {
                    let one = self.ask(&[*question]).await;
                    answers.push(one.and_then(|mut one| one.pop().ok_or(sqlx::Error::RowNotFound)));
                }
                answers
            }
        }
    }

    /// A connection that was idle may have died with its server: then a new one is tried, once.
    async fn ask<Q: Question>(&mut self, questions: &[&Q]) -> Result<Vec<Q::Answer>, sqlx::Error> {
        let was_idle = self.connection.is_some();
        match self.ask_once(questions).await {
            Err(why) if was_idle && super::is_connection_loss(&why) => self.ask_once(questions).await,
            told => told,
        }
    }

    async fn ask_once<Q: Question>(&mut self, questions: &[&Q]) -> Result<Vec<Q::Answer>, sqlx::Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => within(self.db.acquire_timeout, self.db.connection()).await?,
        };
        // No transaction is open here, so what is cut off is one statement: told or not, it stands or does not.
        let told = within(self.db.commit_deadline, Q::ask(&mut connection, questions)).await;
        if !told.as_ref().is_err_and(super::is_connection_loss) {
            self.connection = Some(connection);
        }
        told
    }
}

async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    tokio::time::timeout(deadline, work).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
