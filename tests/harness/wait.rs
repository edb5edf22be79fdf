//! Waits that look at the state itself, with a bound.

use std::time::Duration;

use tokio::time::Instant;

/// How long a wait may take; what is waited for takes milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Asks `probe` until it answers with a value.
///
/// # Panics
/// When it has not after [`PATIENCE`]; the message has the last state that `probe` answered.
pub async fn eventually<T, F>(what: &str, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let start = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(last) if start.elapsed() > PATIENCE => {
                panic!("{what}: not after {PATIENCE:?}; last seen: {last}")
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Asks `probe` until it answers with a value, outside of any runtime.
///
/// # Panics
/// When it has not after [`PATIENCE`]; the message has the last state that `probe` answered.
pub fn until<T>(what: &str, mut probe: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match probe() {
            Ok(value) => return value,
            Err(last) if start.elapsed() > PATIENCE => {
                panic!("{what}: not after {PATIENCE:?}; last seen: {last}")
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

const PAUSE: Duration = Duration::from_millis(5);
