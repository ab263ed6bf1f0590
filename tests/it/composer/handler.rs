//! A composition in an HTTP handler, and in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use freehold::composer::{ComposeError, Lookup, Scope, compose, within};

use super::fixture::Scripted;

struct Shop {
    orders: Lookup<Scripted>,
    users: Lookup<Scripted>,
}

impl Shop {
    async fn page(&self, cx: &Scope, id: u64) -> Result<String, ComposeError> {
        let order = cx.get(&self.orders, id).await?;
        let user = cx.get(&self.users, *order).optional().await;
        Ok(format!("order {} of {:?}", *order, user.value))
    }
}

async fn page(State(shop): State<Arc<Shop>>, Path(id): Path<u64>) -> String {
    let done = compose(within(Duration::from_secs(1)), async |cx| shop.page(cx, id).await).await;
    done.map_or_else(|error| error.to_string(), |done| done.value)
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn a_composition_is_a_handler_and_a_task() {
    let (orders, users) =
        (Scripted::well("orders", 1).lookup(), Scripted::well("users", 1).lookup());
    let shop = Arc::new(Shop { orders, users });
    let _: Router = Router::new().route("/orders/{id}", get(page)).with_state(Arc::clone(&shop));
    let answer = page(State(Arc::clone(&shop)), Path(7)).await;
    assert_eq!(answer, "order 7 of Some(7)");
    let name = String::from("borrowed by the body");
    let task = tokio::spawn(is_send(async move {
        let done = compose(within(Duration::from_secs(1)), async |cx| {
            Ok((shop.page(cx, 8).await?, name.len()))
        });
        done.await.map(|done| done.value)
    }));
    assert_eq!(task.await.unwrap().unwrap(), ("order 8 of Some(8)".into(), 20));
}
