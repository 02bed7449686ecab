//! All hosts that a run works on: one connection each, and what is asked of a host at the same time asked at once.
//!
//! Invariant: a host is worked on by one task, which runs one script at a time; the questions that wait meanwhile go
//! with its next script. So a plan costs a host one connection and about one script, whatever the number of objects.

use crate::answer::{Answer, answers};
use crate::link::{Link, Trouble};
use crate::place::Place;
use crate::settings::Settings;
use crate::shell::script;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How long a first question waits for others of the same moment.
const GATHERING: Duration = Duration::from_millis(5);

/// The hosts.
pub(crate) struct Fleet {
    settings: Arc<Settings>,
    hosts: Mutex<HashMap<Place, Arc<Host>>>,
    gate: Arc<Semaphore>,
}

/// One host.
pub(crate) struct Host {
    queue: mpsc::UnboundedSender<Job>,
    keys: Arc<Mutex<Keys>>,
}

/// Keys of a host that is not known otherwise.
#[derive(Debug, Default)]
struct Keys {
    /// Those that the state has from earlier.
    believed: Vec<String>,
    /// The one that it showed, where it was believed for no other reason.
    shown: Option<String>,
}

/// What came of one script.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) answers: Vec<Answer>,
    /// Its standard error.
    pub(crate) said: String,
}

struct Job {
    parts: Vec<String>,
    changes: bool,
    reply: oneshot::Sender<Result<Reply, Trouble>>,
}

impl Fleet {
    pub(crate) fn new(settings: Settings) -> Self {
        let gate = Arc::new(Semaphore::new(settings.parallelism));
        Self { settings: Arc::new(settings), hosts: Mutex::default(), gate }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The host of a place.
    pub(crate) fn host(&self, place: &Place) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry(place.clone()).or_insert_with(|| {
            let (queue, jobs) = mpsc::unbounded_channel();
            let keys = Arc::new(Mutex::new(Keys::default()));
            let worker = Worker {
                place: place.clone(),
                settings: self.settings.clone(),
                gate: self.gate.clone(),
                keys: keys.clone(),
                jobs,
                aside: VecDeque::new(),
            };
            tokio::spawn(worker.work());
            Arc::new(Host { queue, keys })
        });
        host.clone()
    }
}

impl Host {
    /// Asks for parts that change nothing; one answer each.
    pub(crate) async fn look(&self, parts: Vec<String>) -> Result<Reply, Trouble> {
        self.send(parts, false).await
    }

    /// Has parts run that change something, alone.
    pub(crate) async fn act(&self, parts: Vec<String>) -> Result<Reply, Trouble> {
        self.send(parts, true).await
    }

    async fn send(&self, parts: Vec<String>, changes: bool) -> Result<Reply, Trouble> {
        let (reply, answer) = oneshot::channel();
        let ended = || Trouble::Lost("the connection's task has ended".to_owned());
        self.queue.send(Job { parts, changes, reply }).map_err(|_| ended())?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    /// A key that the state has for it.
    pub(crate) fn believe(&self, key: String) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if !keys.believed.contains(&key) {
            keys.believed.push(key);
        }
    }

    /// The key that was believed at first use, to be stored.
    pub(crate) fn shown_key(&self) -> Option<String> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.shown.clone().or_else(|| keys.believed.first().cloned())
    }
}

struct Worker {
    place: Place,
    settings: Arc<Settings>,
    gate: Arc<Semaphore>,
    keys: Arc<Mutex<Keys>>,
    jobs: mpsc::UnboundedReceiver<Job>,
    /// Came while others were gathered.
    aside: VecDeque<Job>,
}

impl Worker {
    async fn work(mut self) {
        let mut link = None;
        while let Some(first) = self.next().await {
            let gate = self.gate.clone();
            let Ok(_permit) = gate.acquire().await else { return };
            if link.is_none() {
                match self.connect().await {
                    Ok(open) => link = Some(open),
                    Err(trouble) => {
                        self.refuse(first, &trouble);
                        continue;
                    }
                }
            }
            let jobs = if first.changes { vec![first] } else { self.gather(first).await };
            let Some(open) = link.as_mut() else { continue };
            if let Err(jobs) = run(open, jobs).await {
                // Nothing was changed by these: they are asked once more, over a connection of their own.
                link = None;
                match self.connect().await {
                    Ok(mut open) => {
                        let left = run(&mut open, jobs).await;
                        link = left.is_ok().then_some(open);
                        for job in left.err().unwrap_or_default() {
                            let _ =
                                job.reply.send(Err(Trouble::Lost("the connection broke twice".to_owned())));
                        }
                    }
                    Err(trouble) => {
                        for job in jobs {
                            let _ = job.reply.send(Err(trouble.clone()));
                        }
                    }
                }
            } else if open.is_broken() {
                link = None;
            }
        }
    }

    async fn next(&mut self) -> Option<Job> {
        match self.aside.pop_front() {
            Some(job) => Some(job),
            None => self.jobs.recv().await,
        }
    }

    async fn connect(&self) -> Result<Link, Trouble> {
        let believed = self.keys.lock().unwrap_or_else(PoisonError::into_inner).believed.clone();
        let (link, shown) = Link::open(&self.place, &self.settings, &believed).await?;
        if shown.is_some() {
            self.keys.lock().unwrap_or_else(PoisonError::into_inner).shown = shown;
        }
        Ok(link)
    }

    /// A host that cannot be reached cannot be reached by what waits either: one attempt answers all.
    fn refuse(&mut self, first: Job, trouble: &Trouble) {
        let _ = first.reply.send(Err(trouble.clone()));
        while let Some(job) = self.aside.pop_front().or_else(|| self.jobs.try_recv().ok()) {
            let _ = job.reply.send(Err(trouble.clone()));
        }
    }

    /// The questions of the same moment.
    async fn gather(&mut self, first: Job) -> Vec<Job> {
        let (mut jobs, mut later) = (vec![first], VecDeque::new());
        for job in self.aside.drain(..) {
            if job.changes { later.push_back(job) } else { jobs.push(job) }
        }
        while let Ok(Some(job)) = tokio::time::timeout(GATHERING, self.jobs.recv()).await {
            if job.changes {
                later.push_back(job);
                break;
            }
            jobs.push(job);
        }
        self.aside = later;
        jobs
    }
}

/// Runs jobs as one script. Gives back those that were not answered and change nothing.
async fn run(link: &mut Link, jobs: Vec<Job>) -> Result<(), Vec<Job>> {
    let parts: Vec<&str> = jobs.iter().flat_map(|job| &job.parts).map(String::as_str).collect();
    let count = parts.len();
    match link.run(&script(parts)).await {
        Ok(output) => {
            let found = answers(&output.out, count);
            let has_begun = found.first().is_some_and(|answer| answer.given("begun").is_some());
            let mut found = found.into_iter();
            let said = String::from_utf8_lossy(&output.error).into_owned();
            let mut cut = Vec::new();
            for job in jobs {
                let answers: Vec<Answer> = found.by_ref().take(job.parts.len()).collect();
                if has_begun && answers.iter().any(|answer| is_cut(answer, job.changes)) {
                    cut.push(job);
                } else {
                    let _ = job.reply.send(Ok(Reply { answers, said: said.clone() }));
                }
            }
            lost(cut, "what was sent was ended there before it came to its end")
        }
        Err(Trouble::Lost(why)) => lost(jobs, &why),
        Err(trouble) => {
            for job in jobs {
                let _ = job.reply.send(Err(trouble.clone()));
            }
            Ok(())
        }
    }
}

/// Whether a part was ended from outside: nobody knows how far it came.
fn is_cut(answer: &Answer, changes: bool) -> bool {
    /// What a shell says of one that the system killed.
    const KILLED: &str = "137";
    match answer.text("exit") {
        None => true,
        exit => changes && exit == Some(KILLED) && answer.given("undone").is_none(),
    }
}

/// Tells those that change something so; gives back the others.
fn lost(jobs: Vec<Job>, why: &str) -> Result<(), Vec<Job>> {
    let (changing, looking): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| job.changes);
    for job in changing {
        let _ = job.reply.send(Err(Trouble::Lost(why.to_owned())));
    }
    if looking.is_empty() { Ok(()) } else { Err(looking) }
}

#[cfg(test)]
mod tests {
    use super::Fleet;
    use crate::link::Trouble;
    use crate::place::Place;
    use crate::settings::Settings;

    #[tokio::test]
    async fn a_script_that_is_killed_there_may_have_done_something() {
        let fleet = Fleet::new(Settings { parallelism: 1, ..Settings::default() });
        let place = Place {
            address: "here".to_owned(),
            port: 0,
            user: "us".to_owned(),
            becomes_root: false,
            host_key: None,
            is_local: true,
            bastion: None,
        };
        let host = fleet.host(&place);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file").display().to_string();
        for (act, is_lost) in [
            ("kill -9 $$", true),
            ("sh -c 'kill -9 $PPID'", true),
            ("exit 7", false),
            ("trap 'finish $?' EXIT\nheld=1 made= d=/nonesuch\nset -e\nsh -c 'kill -9 $$'", false),
        ] {
            let answer = host.act(vec![act.to_owned(), "emit word done".to_owned()]).await;
            assert_eq!(matches!(answer, Err(Trouble::Lost(_))), is_lost, "{act}: {answer:?}");
        }
        // What changes nothing is asked again.
        let once = format!("[ -e {file} ] || {{ : > {file}; kill -9 $$; }}\nemit word done");
        let answer = host.look(vec![once]).await.unwrap();
        assert_eq!(answer.answers.first().and_then(|one| one.text("word")), Some("done"));
    }
}
