//! An optional part is no `Result`: it cannot end a composition.

use std::error::Error;

use freehold::composer::{ComposeError, Lookup, Scope};
use freehold::source::{Answers, Call, Source};

struct Users;

impl Source for Users {
    type Key = u64;
    type Value = String;

    fn name(&self) -> &'static str {
        "users"
    }

    async fn fetch(
        &self,
        _: &[u64],
        _: &Call,
    ) -> Result<Answers<u64, String>, Box<dyn Error + Send + Sync>> {
        Ok(Answers::keyed([]))
    }
}

async fn name(cx: &Scope, users: &Lookup<Users>) -> Result<Option<String>, ComposeError> {
    let user = cx.get(users, 1).optional().await?;
    Ok(user.value)
}

fn main() {}
