//! A schema for each.

use super::stories;
use crate::server::Schemas;

macro_rules! on_a_schema {
    ($($test:ident;)*) => {$(
        #[tokio::test]
        async fn $test() {
            let schemas = Schemas::new();
            stories::$test(&schemas.store("log").await).await;
        }
    )*};
}

on_a_schema! {
    the_feed_as_of_a_position_is_what_was_there;
    a_moment_is_a_position;
    views_as_of_a_position_are_what_was_shown;
}
