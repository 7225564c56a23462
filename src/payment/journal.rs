//! The journal: commits what has queued while the last commit was under way.
//!
//! Up to 128 payments a transaction and no timer, so an idle gateway adds no latency. A commit without an answer is run
//! again with the same ids on a new connection, which waits for the lost one by the unique keys; connections here belong
//! to no pool and are dropped whenever anything about them is unknown. A batch that fails is committed one by one, so
//! that one payment never fails its neighbours. The writers outlive every client. They take turns: while one's COMMIT
//! waits for the disk the other writes, and whoever waits for its turn gathers more.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};
use tokio::runtime;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};
use tokio::time::Instant;

use super::begin_job::{BeginJob, BeginReply};
use super::change::SettleJob;
use super::state::Payment;
use crate::db::{self, Db};
use crate::receipt::SigningKey;

/// Payments in one transaction, at most.
const BATCH_MAX: usize = 128;
/// Jobs that may wait; more that want to begin are turned away as overload, with nothing stored.
const QUEUE_MAX: usize = 4096;
const RETRIES_MAX: u32 = 5;
/// A farewell is a courtesy: dropping the socket rolls back as well.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Why a job was not committed.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum JournalError {
    /// The database went away: whether the job is committed is not known, and may never be.
    #[error("the database does not answer")]
    Lost,
    /// The database refuses this job alone, by this constraint or for this reason.
    #[error("the database refuses: {0}")]
    Refused(String),
    /// Too many jobs wait.
    #[error("overloaded")]
    Overloaded,
}

/// What a batch needs beside its jobs.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    pub(super) key: Arc<SigningKey>,
    pub(super) instance: Arc<str>,
    pub(super) lease_s: i32,
}

/// Jobs that can be committed together.
pub(super) trait Batch: Send + Sync + Sized + 'static {
    /// What each job is answered.
    type Reply: Send + 'static;
    /// How long a job may wait for the database.
    const PATIENCE: Duration;
    /// Writes all jobs in the open transaction; one reply a job, in order.
    fn write(
        connection: &mut PgConnection,
        tools: &Tools,
        jobs: &[&Self],
    ) -> impl Future<Output = Result<Vec<Self::Reply>, sqlx::Error>> + Send;
}

type Waiting<J> = (J, oneshot::Sender<Result<<J as Batch>::Reply, JournalError>>);

/// Both queues.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    begin: mpsc::Sender<Waiting<BeginJob>>,
    settle: mpsc::Sender<Waiting<SettleJob>>,
}

impl Journal {
    /// Starts the writers; they end when the journal is dropped and the queues are empty.
    pub(super) fn start(db: &Db, tools: &Tools) -> Self {
        let (begin, begins) = mpsc::channel(QUEUE_MAX);
        let (settle, settles) = mpsc::channel(QUEUE_MAX);
        let turn = Arc::new(Mutex::new(()));
        let (begins, settles) = (
            write_all(Writer::new(db, tools, &turn), begins),
            write_all(Writer::new(db, tools, &turn), settles),
        );
        in_a_thread(async {
            tokio::join!(begins, settles);
        });
        Self { begin, settle }
    }

    /// Turned away when too many wait: nothing is stored then.
    pub(super) async fn begin(&self, job: BeginJob) -> Result<BeginReply, JournalError> {
        let (reply, answer) = oneshot::channel();
        self.begin.try_send((job, reply)).map_err(|_| JournalError::Overloaded)?;
        answer.await.unwrap_or(Err(JournalError::Lost))
    }

    /// None when somebody else moved the payment first. Waits its turn: an outcome is never turned away.
    pub(super) async fn settle(&self, job: SettleJob) -> Result<Option<Payment>, JournalError> {
        let (reply, answer) = oneshot::channel();
        self.settle.send((job, reply)).await.map_err(|_| JournalError::Lost)?;
        answer.await.unwrap_or(Err(JournalError::Lost))
    }

    /// False once a writer has died: this gateway can pay no more and must not be asked to.
    pub(super) fn lives(&self) -> bool {
        !self.begin.is_closed() && !self.settle.is_closed()
    }
}

/// A thread of its own: among the tasks of every request each of a batch's statements would wait for its turn.
/// It ends with its work, or with the runtime that started it, as a task would.
fn in_a_thread(work: impl Future<Output = ()> + Send + 'static) {
    let (alive, died) = oneshot::channel::<()>();
    let (over, ended) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let _alive = alive;
        drop(ended.await);
    });
    let run = move || {
        let _over = over;
        match runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(async {
                tokio::select! { () = work => {}, _ = died => {} }
            }),
            Err(error) => tracing::error!(%error, "the journal cannot run"),
        }
    };
    if let Err(error) = std::thread::Builder::new().name("journal".to_owned()).spawn(run) {
        tracing::error!(%error, "the journal cannot run");
    }
}

async fn write_all<J: Batch>(mut writer: Writer, mut queue: mpsc::Receiver<Waiting<J>>) {
    while let Some(first) = queue.recv().await {
        let turn = writer.turn.clone().lock_owned().await;
        let mut waiting = Vec::with_capacity(BATCH_MAX);
        waiting.push(first);
        while waiting.len() < BATCH_MAX
            && let Ok(next) = queue.try_recv()
        {
            waiting.push(next);
        }
        metrics::histogram!("journal_batch").record(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
        let (jobs, replies): (Vec<J>, Vec<_>) = waiting.into_iter().unzip();
        let jobs: Vec<&J> = jobs.iter().collect();
        for (reply, answer) in replies.into_iter().zip(writer.commit(&jobs, turn).await) {
            // Whoever asked may be gone; the commit stands all the same.
            drop(reply.send(answer));
        }
    }
}

/// The right to write: of both queues one writes while the other's COMMIT waits for the disk.
type Turn = OwnedMutexGuard<()>;

struct Writer {
    db: Db,
    tools: Tools,
    turn: Arc<Mutex<()>>,
    connection: Option<PgConnection>,
}

impl Writer {
    fn new(db: &Db, tools: &Tools, turn: &Arc<Mutex<()>>) -> Self {
        Self { db: db.clone(), tools: tools.clone(), turn: turn.clone(), connection: None }
    }

    async fn commit<J: Batch>(&mut self, jobs: &[&J], turn: Turn) -> Vec<Result<J::Reply, JournalError>> {
        match self.commit_together(jobs, Some(turn)).await {
            Ok(replies) => replies.into_iter().map(Ok).collect(),
            Err(JournalError::Refused(why)) if jobs.len() > 1 => {
                tracing::warn!(jobs = jobs.len(), why, "a batch failed; committing its payments one by one");
                let mut replies = Vec::with_capacity(jobs.len());
                for job in jobs {
                    replies.push(
                        self.commit_together(&[*job], None)
                            .await
                            .and_then(|mut r| r.pop().ok_or(JournalError::Lost)),
                    );
                }
                replies
            }
            Err(why) => jobs.iter().map(|_| Err(why.clone())).collect(),
        }
    }

    /// Commits all jobs in one transaction, again and again while only the connection is to blame.
    async fn commit_together<J: Batch>(
        &mut self,
        jobs: &[&J],
        mut turn: Option<Turn>,
    ) -> Result<Vec<J::Reply>, JournalError> {
        let give_up_at = Instant::now() + J::PATIENCE;
        let mut retries = 0;
        let mut pause = Duration::from_millis(20);
        loop {
            let why = match self.try_once(jobs, turn.take()).await {
                Ok(replies) => return Ok(replies),
                Err(why) => why,
            };
            // A connection in an unknown condition is never used again.
            self.connection = None;
            let passes = db::is_retryable(&why);
            if passes && retries < RETRIES_MAX {
                retries += 1;
            } else if passes && jobs.len() == 1 {
                // A busy database refuses nothing: whoever asked tries again, and no payment is held for people.
                tracing::error!(%why, "the database is too busy");
                return Err(JournalError::Lost);
            } else if !db::is_connection_loss(&why) {
                return Err(JournalError::Refused(
                    db::constraint(&why).map_or_else(|| why.to_string(), str::to_owned),
                ));
            }
            if Instant::now() + pause > give_up_at {
                tracing::error!(jobs = jobs.len(), %why, "the database does not answer");
                return Err(JournalError::Lost);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    async fn try_once<J: Batch>(
        &mut self,
        jobs: &[&J],
        turn: Option<Turn>,
    ) -> Result<Vec<J::Reply>, sqlx::Error> {
        let deadline = self.db.commit_deadline();
        let connection = if let Some(connection) = &mut self.connection {
            connection
        } else {
            let fresh = within(deadline, self.db.connection()).await?;
            self.connection.insert(fresh)
        };
        within(deadline, async { connection.execute("BEGIN").await.map(drop) }).await?;
        let replies = within(deadline * 2, J::write(connection, &self.tools, jobs)).await;
        drop(turn);
        match replies {
            Ok(replies) => {
                within(deadline, async { connection.execute("COMMIT").await.map(drop) }).await?;
                Ok(replies)
            }
            Err(why) => {
                if let Some(connection) = self.connection.take() {
                    drop(within(CLOSE_WITHIN, connection.close()).await);
                }
                Err(why)
            }
        }
    }
}

/// Bounds what may wait for ever (a COMMIT for its standby, anything for a server that went away without a word).
/// What was cut off is unknown; its connection is dropped.
async fn within<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(deadline, work).await {
        Ok(result) => result,
        Err(_) => Err(sqlx::Error::Io(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            "no answer within the deadline",
        ))),
    }
}
