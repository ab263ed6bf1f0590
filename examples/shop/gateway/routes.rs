//! What the gateway answers.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::ValueEnum;
use freehold::composer::{ComposeError, Composed, ComposerExt, Terms};
use freehold::consistency::Session;
use freehold::{BackendError, EventStore, Store, Token};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::super::contracts::{Failure, InvoiceNo};
use super::super::details::{Answer, OrderDetails, Whom};
use super::super::driver::Driver;
use super::super::problem::{self, Problem};
use super::super::serve::told_to_end;
use super::order::Ordered;

/// What a user has seen and done: who sends back what they got reads their own writes.
const SESSION: HeaderName = HeaderName::from_static("freehold-session");
/// What an answer lacks.
const DEGRADED: HeaderName = HeaderName::from_static("freehold-degraded");

struct Shop {
    driver: Driver,
    details: OrderDetails,
}

/// Answers until the process is told to end.
///
/// # Errors
/// [`Problem::Other`] if it cannot listen.
///
/// # Cancel safety
/// Requests that are under way are dropped; an order that was begun goes on.
pub async fn serve(
    listen: SocketAddr,
    driver: Driver,
    details: OrderDetails,
) -> Result<(), Problem> {
    let failed = |error| Problem::other("listen", error);
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    problem::print(&format!("http://{} is open\n", listener.local_addr().map_err(failed)?))?;
    let routes = Router::new()
        .route("/orders", post(place))
        .route("/orders/{invoice}/details", get(details_of))
        .with_state(Arc::new(Shop { driver, details }));
    let told = async { drop(told_to_end().await) };
    axum::serve(listener, routes).with_graceful_shutdown(told).await.map_err(failed)
}

/// `GET /orders/{id}/details`, with `?from=views` of what was published.
async fn details_of(
    State(shop): State<Arc<Shop>>,
    Path(invoice): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let number =
        InvoiceNo::new(&invoice).ok_or(Refused::bad("an invoice's number is 1 to 190 bytes"))?;
    let mut whom = Whom::default();
    for (name, value) in query {
        let known = Whom::from_str(&value, false).ok().filter(|_| name == "from");
        whom = known.ok_or(Refused::bad("expected from=services or from=views"))?;
    }
    let composed = shop.details.run(terms(&shop.details, &headers)?, (number, whom)).await?;
    Ok(answer(composed))
}

fn terms(details: &OrderDetails, headers: &HeaderMap) -> Result<Terms, Refused> {
    let Some(session) = headers.get(SESSION) else { return Ok(details.terms()) };
    let session: Option<Session> = session.to_str().ok().and_then(|text| text.parse().ok());
    let session = session.ok_or(Refused::bad("freehold-session: expected what was sent before"))?;
    Ok(details.terms().session(session))
}

fn answer(Composed { value, degraded, session, .. }: Composed<Answer>) -> Response {
    let mut response = Json(value).into_response();
    let headers = response.headers_mut();
    if !session.is_empty() {
        set(headers, SESSION, &session.to_string());
    }
    for report in degraded {
        set(headers, DEGRADED, &report.to_string());
    }
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.append(name, value);
    }
}

/// `POST /orders`: answers when the order is settled, one way or the other.
async fn place(State(shop): State<Arc<Shop>>, body: Bytes) -> Result<Response, Refused> {
    let ordered: Ordered = serde_json::from_slice(&body)
        .map_err(|error| Refused(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))?;
    let invoice = ordered.check(&body).map_err(Refused::bad)?;
    let number = invoice.number.clone();
    shop.driver.settle(invoice).await?;
    let session = seen(&shop.driver).await?;
    let mut response = (StatusCode::CREATED, Json(json!({ "invoice": number }))).into_response();
    set(response.headers_mut(), SESSION, &session.to_string());
    Ok(response)
}

/// All that the services whose data the query shows have written by now, and so what the order has led to.
async fn seen(driver: &Driver) -> Result<Session, BackendError> {
    let services = driver.services();
    let logs =
        [services.orders.published(), services.users.published(), services.products.published()];
    let mut session = Session::new();
    for log in logs {
        session.observe(Token::new(log.identity(), log.head().await?));
    }
    Ok(session)
}

/// Why there is no answer.
struct Refused(StatusCode, String);

impl Refused {
    fn bad(why: &str) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, why.to_owned())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, why) = self;
        let why: Value = json!({ "error": why });
        (status, Json(why)).into_response()
    }
}

impl From<ComposeError> for Refused {
    fn from(error: ComposeError) -> Self {
        let status = match &error {
            ComposeError::Missing(_) => StatusCode::NOT_FOUND,
            ComposeError::Deadline => StatusCode::GATEWAY_TIMEOUT,
            ComposeError::TooMuch { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self(status, error.to_string())
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused { .. } => Self(StatusCode::CONFLICT, failure.to_string()),
            Failure::Failed { .. } => Self(StatusCode::SERVICE_UNAVAILABLE, failure.to_string()),
        }
    }
}

impl From<BackendError> for Refused {
    fn from(error: BackendError) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}
