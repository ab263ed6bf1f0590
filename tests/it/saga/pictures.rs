//! Definitions as text and as pictures.

use freehold::saga::{SagaId, picture, text};

use super::fixture::{Fulfilment, Goes, World, in_memory};

#[test]
fn a_definition_is_a_text_that_changes_with_it() {
    let text = text(&Fulfilment(World::default())).unwrap();
    let expected = "\
saga fulfilment version 1
reserve: compensable by tombstone
charge: compensable by tombstone after reserve
confirm: local pivot after reserve, charge
ship: retriable after confirm
";
    assert_eq!(text, expected);
}

#[test]
fn a_definition_is_a_picture() {
    let picture = picture(&Fulfilment(World::default())).unwrap();
    let expected = "\
flowchart TD
    s0[\"reserve\"]
    s1[\"charge\"]
    s0 --> s1
    s2{{\"confirm\"}}
    s1 --> s2
    s3[[\"ship\"]]
    s2 --> s3
";
    assert_eq!(picture, expected);
}

#[tokio::test]
async fn a_saga_is_a_picture_with_what_has_become_of_it() {
    let shop = in_memory();
    shop.world.script("confirm", [Goes::Refused]);
    let (id, _) = shop.fulfil("1").await;
    let picture = shop.sagas.picture(&id).await.unwrap();
    for line in [
        "s0[\"reserve\"]:::undone",
        "s1[\"charge\"]:::undone",
        "s2{{\"confirm\"}}:::open",
        "end0(\"compensated\")",
    ] {
        assert!(picture.contains(line), "{line}: {picture}");
    }
    let (id, _) = shop.fulfil("2").await;
    let picture = shop.sagas.picture(&id).await.unwrap();
    assert!(picture.contains("s3[[\"ship\"]]:::done"), "{picture}");
    let missing = SagaId::new("fulfilment", "3").unwrap();
    shop.sagas.picture(&missing).await.unwrap_err();
}
