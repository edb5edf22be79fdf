//! The topology in force.

use rolecall::api::pb;
use rolecall::api::pb::topology_service_server::TopologyService;
use tonic::{Request, Response, Status};

use super::Services;

#[tonic::async_trait]
impl TopologyService for Services {
    async fn get_topology(
        &self,
        _request: Request<pb::GetTopologyRequest>,
    ) -> Result<Response<pb::GetTopologyResponse>, Status> {
        let loaded = self.agent.topology();
        let inferred = loaded
            .topology
            .explain()
            .iter()
            .map(|inferred| pb::InferredValue {
                path: inferred.path.clone(),
                value: inferred.value.clone(),
                why: inferred.why.clone(),
            })
            .collect();
        Ok(Response::new(pb::GetTopologyResponse {
            text: loaded.text.clone(),
            digest: loaded.topology.digest().to_vec(),
            inferred,
            server: self.agent.server.to_string(),
        }))
    }
}
