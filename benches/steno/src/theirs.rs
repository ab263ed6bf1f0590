//! The same sagas by `steno`.

use std::sync::Arc;

use slog::{Discard, Logger, o};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};
use steno::{
    ActionContext, ActionError, ActionFunc, ActionRegistry, DagBuilder, InMemorySecStore, Node,
    SagaCachedState, SagaCreateParams, SagaDag, SagaId, SagaName, SagaNodeEvent, SagaType,
    SecStore,
};
use uuid::Uuid;

use crate::{runtime, timed};

#[derive(Debug)]
struct Three;

impl SagaType for Three {
    type ExecContextType = ();
}

async fn first(cx: ActionContext<Three>) -> Result<u64, ActionError> {
    let n = cx.saga_params::<u64>()?;
    Ok(n + 1)
}

async fn second(cx: ActionContext<Three>) -> Result<u64, ActionError> {
    Ok(cx.lookup::<u64>("one")? + 1)
}

async fn third(cx: ActionContext<Three>) -> Result<u64, ActionError> {
    Ok(cx.lookup::<u64>("two")? + 1)
}

async fn undo(_: ActionContext<Three>) -> Result<(), anyhow::Error> {
    Ok(())
}

async fn run(store: Arc<dyn SecStore>, tasks: usize, times: usize) {
    let log = Logger::root(Discard, o!());
    let sec = Arc::new(steno::sec(log, store));
    let one = ActionFunc::new_action("first", first, undo);
    let two = ActionFunc::new_action("second", second, undo);
    let three = ActionFunc::new_action("third", third, undo);
    let mut registry = ActionRegistry::new();
    for action in [&one, &two, &three] {
        registry.register(Arc::clone(action));
    }
    let registry = Arc::new(registry);
    let mut dag = DagBuilder::new(SagaName::new("three"));
    dag.append(Node::action("one", "first", &*one));
    dag.append(Node::action("two", "second", &*two));
    dag.append(Node::action("three", "third", &*three));
    let dag = Arc::new(SagaDag::new(dag.build().unwrap(), serde_json::json!(7)));
    let tasks = (0..tasks).map(|_| {
        let (sec, dag, registry) = (Arc::clone(&sec), Arc::clone(&dag), Arc::clone(&registry));
        tokio::spawn(async move {
            for _ in 0..times {
                let id: SagaId = Uuid::new_v4().to_string().parse().unwrap();
                let ended = sec
                    .saga_create(id, Arc::new(()), Arc::clone(&dag), Arc::clone(&registry))
                    .await
                    .unwrap();
                sec.saga_start(id).await.unwrap();
                let result = ended.await;
                assert_eq!(result.kind.unwrap().lookup_node_output::<u64>("three").unwrap(), 10);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let sec = Arc::try_unwrap(sec).ok().unwrap();
    sec.shutdown().await;
}

pub(crate) fn memory(tasks: usize, times: usize) -> f64 {
    let runtime = runtime();
    timed(tasks * times, || {
        runtime.block_on(run(Arc::new(InMemorySecStore::new()), tasks, times));
    })
}

/// A log in PostgreSQL: a row for each saga, and one for each event.
#[derive(Debug)]
struct Postgres {
    pool: PgPool,
    schema: String,
}

impl Postgres {
    fn sql(&self, text: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(text.replace("{s}", &self.schema))
    }
}

#[async_trait::async_trait]
impl SecStore for Postgres {
    async fn saga_create(&self, params: SagaCreateParams) -> Result<(), anyhow::Error> {
        let insert =
            self.sql("INSERT INTO {s}.saga (id, name, dag, state) VALUES ($1, $2, $3, 'running')");
        sqlx::query(insert)
            .bind(params.id.to_string())
            .bind(params.name.to_string())
            .bind(params.dag.to_string())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn record_event(&self, event: SagaNodeEvent) {
        let insert =
            self.sql("INSERT INTO {s}.event (saga, node, kind, data) VALUES ($1, $2, $3, $4)");
        sqlx::query(insert)
            .bind(event.saga_id.to_string())
            .bind(i64::from(u32::from(event.node_id)))
            .bind(event.event_type.label())
            .bind(serde_json::to_string(&event).unwrap())
            .execute(&self.pool)
            .await
            .unwrap();
    }

    async fn saga_update(&self, id: SagaId, update: SagaCachedState) {
        let state = self.sql("UPDATE {s}.saga SET state = $2 WHERE id = $1");
        let state = sqlx::query(state).bind(id.to_string()).bind(update.to_string());
        state.execute(&self.pool).await.unwrap();
    }
}

pub(crate) fn postgres(url: &str, tasks: usize, times: usize) -> f64 {
    let runtime = runtime();
    let schema = format!("theirs_{}", Uuid::now_v7().simple());
    let pool = runtime.block_on(async {
        let pool = PgPoolOptions::new().max_connections(tasks as u32).connect(url).await.unwrap();
        for statement in [
            "CREATE SCHEMA {s}",
            "CREATE TABLE {s}.saga (id text PRIMARY KEY, name text NOT NULL, dag text NOT NULL, state text NOT NULL)",
            "CREATE TABLE {s}.event (saga text NOT NULL, node bigint NOT NULL, kind text NOT NULL, data text NOT NULL, PRIMARY KEY (saga, node, kind))",
        ] {
            let statement = AssertSqlSafe(statement.replace("{s}", &schema));
            sqlx::query(statement).execute(&pool).await.unwrap();
        }
        pool
    });
    let store = Arc::new(Postgres { pool: pool.clone(), schema: schema.clone() });
    let rate = timed(tasks * times, || runtime.block_on(run(store, tasks, times)));
    runtime.block_on(drop_schema(&pool, &schema));
    rate
}

pub(crate) async fn drop_schema(pool: &PgPool, schema: &str) {
    let drop = AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"));
    sqlx::query(drop).execute(pool).await.unwrap();
}
