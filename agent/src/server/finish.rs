//! What a caller began is finished, whether or not the caller waits for it.
//!
//! A connection that ends or a deadline that passes drops the future of its handler, wherever it
//! stands. Many operations take two steps, such as a revocation and the list that names it, or a
//! record that a key is gone and its destruction. So each handler runs as a task of its own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use rolecall::api::status::Failure;
use rolecall::reason::Reason;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::peer::Place;

/// Has handlers run to their end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FinishLayer;

impl<S> Layer<S> for FinishLayer {
    type Service = Finish<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Finish { inner }
    }
}

/// A service whose handlers run to their end.
#[derive(Clone, Debug)]
pub(crate) struct Finish<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Finish<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    #[expect(clippy::disallowed_methods, reason = "the answer waits for it, and sees how it ends")]
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // It counts among its caller's calls to its end, so that leaving early frees nothing.
        let place = request.extensions().get::<Place>().cloned();
        let answering = self.inner.call(request);
        let handler = tokio::spawn(async move {
            let answer = answering.await;
            drop(place);
            answer
        });
        Box::pin(async move {
            handler.await.unwrap_or_else(|failed| {
                tracing::error!(error = %failed, "a handler ended without an answer");
                let failure = Failure::new(Reason::Internal, "the agent failed; its log says more");
                Ok(tonic::Status::from(failure).into_http())
            })
        })
    }
}
