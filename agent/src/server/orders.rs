//! Orders.

use std::pin::Pin;

use futures_util::{Stream, StreamExt, stream};
use rolecall::api::pb;
use rolecall::api::pb::order_service_server::OrderService;
use rolecall::api::status::{Failure, Violation};
use rolecall::order::{Order, OrderId, State};
use rolecall::request::RequestSpec;
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use super::peer::Caller;
use super::{Services, invalid, request_id};
use crate::orders::Placing;

#[tonic::async_trait]
impl OrderService for Services {
    async fn place_order(
        &self,
        request: Request<pb::PlaceOrderRequest>,
    ) -> Result<Response<pb::PlaceOrderResponse>, Status> {
        let Caller { actor, grant, .. } = Caller::of(&request)?;
        let message = request.into_inner();
        let spec = RequestSpec::try_from(message.spec.unwrap_or_default()).map_err(below_spec)?;
        let request_id = request_id(&message.request_id)?;
        let beside_open = message.beside_open;
        let placing = Placing { request_id, spec, beside_open, actor, grant };
        let placed = Box::pin(self.agent.place(placing)).await?;
        let order = self.agent.store.read(|view| view.expect_order(placed.order))?;
        let order = if order.state.is_settled() {
            order
        } else if message.wait {
            self.agent.drive_to_rest(placed.order).await?
        } else {
            self.agent.drive(placed.order).await?;
            order
        };
        Ok(Response::new(pb::PlaceOrderResponse {
            order: Some((&order).into()),
            replayed: placed.replayed,
            plan: placed.plan.as_ref().map(Into::into),
        }))
    }

    async fn get_order(
        &self,
        request: Request<pb::GetOrderRequest>,
    ) -> Result<Response<pb::GetOrderResponse>, Status> {
        let id = order_id(request.into_inner().order_id)?;
        let order = self.agent.store.read(|view| view.expect_order(id))?;
        Ok(Response::new(pb::GetOrderResponse { order: Some((&order).into()) }))
    }

    async fn list_orders(
        &self,
        request: Request<pb::ListOrdersRequest>,
    ) -> Result<Response<pb::ListOrdersResponse>, Status> {
        let open_only = request.into_inner().open_only;
        let orders: Vec<Order> = self
            .agent
            .store
            .read(|view| if open_only { view.open_orders() } else { last_orders(view.orders()) })?;
        let orders = orders.iter().map(Into::into).collect();
        Ok(Response::new(pb::ListOrdersResponse { orders }))
    }

    type WatchOrderStream =
        Pin<Box<dyn Stream<Item = Result<pb::WatchOrderResponse, Status>> + Send>>;

    async fn watch_order(
        &self,
        request: Request<pb::WatchOrderRequest>,
    ) -> Result<Response<Self::WatchOrderStream>, Status> {
        let id = order_id(request.into_inner().order_id)?;
        self.agent.store.read(|view| view.expect_order(id))?;
        let changes = self.agent.store.engine().watch_sequence();
        let watcher = Watcher { services: self.clone(), id, changes, last: None };
        let orders = stream::unfold(Some(watcher), Watcher::step).boxed();
        Ok(Response::new(orders))
    }

    async fn retrieve_order(
        &self,
        request: Request<pb::RetrieveOrderRequest>,
    ) -> Result<Response<pb::RetrieveOrderResponse>, Status> {
        let caller = Caller::of(&request)?;
        let id = order_id(request.into_inner().order_id)?;
        let cause = self.agent.cause(&caller.actor, None);
        let order = self.agent.hurry_order(id, cause).await?;
        Ok(Response::new(pb::RetrieveOrderResponse { order: Some((&order).into()) }))
    }

    async fn cancel_order(
        &self,
        request: Request<pb::CancelOrderRequest>,
    ) -> Result<Response<pb::CancelOrderResponse>, Status> {
        let cause = self.cause(&request, &request.get_ref().request_id)?;
        let message = request.into_inner();
        let id = order_id(message.order_id)?;
        let order = self.agent.cancel_order(id, cause, message.what_if).await?;
        Ok(Response::new(pb::CancelOrderResponse { order: Some((&order).into()) }))
    }
}

/// Sends an order now and after each change, until it has settled or the agent stops.
struct Watcher {
    services: Services,
    id: OrderId,
    changes: watch::Receiver<u64>,
    last: Option<State>,
}

impl Watcher {
    async fn step(
        watcher: Option<Self>,
    ) -> Option<(Result<pb::WatchOrderResponse, Status>, Option<Self>)> {
        let mut watcher = watcher?;
        loop {
            watcher.changes.mark_unchanged();
            let order =
                match watcher.services.agent.store.read(|view| view.expect_order(watcher.id)) {
                    Ok(order) => order,
                    Err(failure) => return Some((Err(failure.into()), None)),
                };
            if watcher.last.as_ref() != Some(&order.state) {
                watcher.last = Some(order.state.clone());
                let response = pb::WatchOrderResponse { order: Some((&order).into()) };
                let rest = (!order.state.is_settled()).then_some(watcher);
                return Some((Ok(response), rest));
            }
            tokio::select! {
                biased;
                () = watcher.services.shutdown.cancelled() => {
                    return Some((Err(super::stopping().into()), None));
                }
                changed = watcher.changes.changed() => changed.ok()?,
            }
        }
    }
}

/// The listing of all orders ends with the newest, and is bounded: the journal has the rest.
fn last_orders(
    orders: impl Iterator<Item = Result<Order, Failure>>,
) -> Result<Vec<Order>, Failure> {
    let mut last = std::collections::VecDeque::with_capacity(MOST_LISTED);
    for order in orders {
        if last.len() == MOST_LISTED {
            last.pop_front();
        }
        last.push_back(order?);
    }
    Ok(last.into())
}

fn order_id(number: u64) -> Result<OrderId, Failure> {
    OrderId::new(number).ok_or_else(|| Violation::new("order_id", "is missing").into())
}

pub(super) fn below_spec(violations: Vec<Violation>) -> Failure {
    invalid(
        violations
            .into_iter()
            .map(|violation| Violation { field: format!("spec.{}", violation.field), ..violation })
            .collect(),
    )
}

/// A listing of a thousand orders fits a message of 4 MiB several times over.
const MOST_LISTED: usize = 1_000;
