//! The newest of many requests at the embedded CA: a listing is one message.

use std::collections::VecDeque;

use prost::Message;
use rolecall::api::pb;
use rolecall::api::status::Failure;

use crate::server::Services;

/// The newest of many requests.
#[derive(Default)]
struct Newest {
    requests: VecDeque<pb::CaRequest>,
    octets: usize,
}

impl Newest {
    fn push(&mut self, request: pb::CaRequest) {
        self.octets = self.octets.saturating_add(request.encoded_len());
        self.requests.push_back(request);
        self.shrink(MOST_LISTED, MOST_OCTETS);
    }

    /// Leaves `others` their room in the message.
    fn shrink_beside(&mut self, others: &Self) {
        let count = MOST_LISTED.saturating_sub(others.requests.len());
        self.shrink(count, MOST_OCTETS.saturating_sub(others.octets));
    }

    fn shrink(&mut self, count: usize, octets: usize) {
        while self.requests.len() > count || self.octets > octets {
            let Some(oldest) = self.requests.pop_front() else { break };
            self.octets = self.octets.saturating_sub(oldest.encoded_len());
        }
    }
}

impl Services {
    /// Returns the newest requests, those that wait before all others, in the order they came.
    pub(super) fn newest_requests(
        &self,
        waiting_only: bool,
    ) -> Result<Vec<pb::CaRequest>, Failure> {
        let waits = |request: &pb::CaRequest| request.state() == pb::ca_request::State::Waiting;
        let mut waiting = Newest::default();
        let mut decided = Newest::default();
        self.agent.store.read(|view| {
            for request in view.ca_requests() {
                let request = request?;
                if waits(&request) {
                    waiting.push(request);
                } else if !waiting_only {
                    decided.push(request);
                }
            }
            Ok::<(), Failure>(())
        })?;
        decided.shrink_beside(&waiting);
        Ok(waiting.requests.into_iter().chain(decided.requests).collect())
    }
}

/// What waits is seen whole, if the requests have honest sizes.
const MOST_LISTED: usize = 1_000;
/// Below the 4 MiB that a message may have.
const MOST_OCTETS: usize = 3 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(octets: usize, count: u64) -> Newest {
        let mut newest = Newest::default();
        for id in 1..=count {
            let csr = vec![0; octets];
            newest.push(pb::CaRequest { id, csr, ..pb::CaRequest::default() });
        }
        newest
    }

    #[test]
    fn a_listing_ends_with_the_newest_and_fits_a_message() {
        let waiting = newest(100, 1_100);
        assert_eq!(waiting.requests.len(), 1_000);
        assert_eq!(waiting.requests.back().unwrap().id, 1_100);
        let mut decided = newest(100, 10);
        decided.shrink_beside(&waiting);
        assert!(decided.requests.is_empty());

        let large = newest(16 * 1024, 1_000);
        let octets: usize = large.requests.iter().map(Message::encoded_len).sum();
        assert_eq!(large.octets, octets);
        assert!(octets <= MOST_OCTETS && octets > MOST_OCTETS - 20 * 1024, "{octets}");
        assert_eq!(large.requests.back().unwrap().id, 1_000);
    }
}
