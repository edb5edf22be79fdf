//! Generates keys without blocking anything else.
//!
//! An RSA key takes between 50 ms and seconds of a core; at most one is generated per core, on
//! threads of their own, and each caller may have only so many waiting (`security.md` §10). An
//! elliptic-curve key takes 30 µs and is made at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rolecall::key::KeyAlgorithm;
use tokio::sync::Semaphore;

use crate::issuer::embedded::PrivateKey;

/// Generates keys, fairly.
#[derive(Clone, Debug)]
pub struct KeyPool {
    cores: Arc<Semaphore>,
    waiting: Arc<Mutex<BTreeMap<Option<u32>, usize>>>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller has too many keys in the making.
    #[error("{MOST_WAITING} keys are being generated for this caller already")]
    QueueFull,
    /// The generator failed.
    #[error("a {algorithm} key could not be generated")]
    Failed {
        /// What was to be generated.
        algorithm: KeyAlgorithm,
        /// Why.
        source: crate::issuer::embedded::keys::Error,
    },
    /// The agent is stopping.
    #[error("the agent is stopping")]
    Stopping,
}

impl KeyPool {
    /// Returns a pool that keeps at most `cores` cores busy.
    pub fn new(cores: usize) -> Self {
        Self { cores: Arc::new(Semaphore::new(cores)), waiting: Arc::default() }
    }

    /// Generates a key for the caller with the user id `caller`; the agent itself has none.
    ///
    /// # Errors
    /// When the caller's queue is full or the generator fails.
    pub async fn generate(
        &self,
        caller: Option<u32>,
        algorithm: KeyAlgorithm,
    ) -> Result<PrivateKey, Error> {
        if !algorithm.is_rsa() {
            return generate(algorithm);
        }
        let _place = self.queue(caller)?;
        let permit =
            Arc::clone(&self.cores).acquire_owned().await.map_err(|_closed| Error::Stopping)?;
        let made = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            generate(algorithm)
        });
        made.await.map_err(|_cancelled| Error::Stopping)?
    }

    fn queue(&self, caller: Option<u32>) -> Result<Place, Error> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.entry(caller).or_default();
        if *count >= MOST_WAITING {
            return Err(Error::QueueFull);
        }
        *count = count.saturating_add(1);
        Ok(Place { waiting: Arc::clone(&self.waiting), caller })
    }
}

fn generate(algorithm: KeyAlgorithm) -> Result<PrivateKey, Error> {
    PrivateKey::generate(algorithm).map_err(|source| Error::Failed { algorithm, source })
}

/// A place in a caller's queue, given back when dropped.
struct Place {
    waiting: Arc<Mutex<BTreeMap<Option<u32>, usize>>>,
    caller: Option<u32>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waiting.get_mut(&self.caller) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                waiting.remove(&self.caller);
            }
        }
    }
}

/// Twice the orders a pool of a dozen roles on two dozen servers could place at once.
const MOST_WAITING: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_caller_with_a_full_queue_is_refused_and_others_are_not() {
        let pool = KeyPool::new(1);
        let _places: Vec<Place> = (0..MOST_WAITING).map(|_| pool.queue(Some(7)).unwrap()).collect();
        let refused = pool.generate(Some(7), KeyAlgorithm::Rsa2048).await.unwrap_err();
        assert!(matches!(refused, Error::QueueFull), "{refused}");
        pool.generate(Some(8), KeyAlgorithm::Rsa2048).await.unwrap();
        pool.generate(Some(7), KeyAlgorithm::EcdsaP256).await.unwrap();
    }
}
