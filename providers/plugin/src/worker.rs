//! The threads that talk with providers' processes: the contract's synchronous questions wait for them, and a process
//! lives as long as the thread that started it.

use std::future::Future;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// Talking is waiting; two threads keep one long decoding from holding up everything else.
const THREADS: usize = 2;

static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
/// What watches over processes, each until its process has ended.
static WATCHES: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

fn runtime() -> Result<&'static Runtime, String> {
    let made = RUNTIME.get_or_init(|| {
        let built =
            Builder::new_multi_thread().worker_threads(THREADS).thread_name("providers").enable_all().build();
        built.map_err(|error| format!("no threads for hosted providers: {error}"))
    });
    made.as_ref().map_err(Clone::clone)
}

/// Runs it there and waits for it here. Not to be called on those threads.
pub(crate) fn wait<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    runtime()?.spawn(async move {
        let _ = sender.send(work.await);
    });
    receiver.recv().map_err(|_| "a hosted provider's task ended before its answer".to_owned())
}

/// Runs it there; awaited by whoever asks, on whatever it runs.
pub(crate) async fn spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, String> {
    let task = runtime()?.spawn(work);
    task.await.map_err(|error| format!("a hosted provider's task ended before its answer: {error}"))
}

/// Runs it there and forgets it.
pub(crate) fn launch(work: impl Future<Output = ()> + Send + 'static) {
    if let Ok(runtime) = runtime() {
        drop(runtime.spawn(work));
    }
}

/// Runs the watch over a process, which [`settle`] waits for.
pub(crate) fn watch(work: impl Future<Output = ()> + Send + 'static) {
    if let (Ok(runtime), Ok(mut watches)) = (runtime(), WATCHES.lock()) {
        watches.retain(|watch| !watch.is_finished());
        watches.push(runtime.spawn(work));
    }
}

/// Waits until all watches have ended, so long at most.
pub(crate) fn settle(longest: Duration) {
    let watches = WATCHES.lock().map(|mut watches| std::mem::take(&mut *watches)).unwrap_or_default();
    if watches.is_empty() {
        return;
    }
    let all = async move {
        for watch in watches {
            let _ = watch.await;
        }
    };
    let _ = wait(async move { tokio::time::timeout(longest, all).await });
}
