//! What the views hold after a replay on a server, and the commands that show them.

use freehold::{EventStore, Position};

use super::shops::Shop;
use super::{expected, kept, kill, program};

#[tokio::test]
async fn the_views_of_the_bundled_day_are_what_the_files_say_also_after_a_kill() {
    let shop = Shop::opened();
    let inventory = shop.store("inventory").await;
    let head = inventory.head().await.unwrap().get();
    let target = Position::new(head + 700);
    kill::run_until(&inventory, target, shop.day().into()).await;
    shop.replay(&[&program::day()], &[]);
    let expected = expected::views(&[&program::day()], 100, "500");
    let reads = shop.store("reads").await;
    kept::check(&reads, &expected).await;
    // They are plain tables, too.
    assert!(shop.run(&["rebuild", "revenue"]).out.ends_with("read from now on\n"));
    assert_eq!(kept::rows(&reads, "revenue_g1").await, expected.revenue);
}

#[tokio::test]
async fn report_rename_and_watch_say_what_they_say_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let data = ["--data", folder.path().to_str().unwrap()];
    let shop = Shop::new();
    let file = shop.file(
        "1,A,LAMP,4,2010-12-01 08:26:00,2.5,17850.0,UK\n2,A,LAMP,99,d,2.5,,UK\n\
         3,B,RUG,2,d,700,7,UK\nC4,A,LAMP,-1,2010-12-02,2.5,17850.0,UK\n5,A,LAMP,0,d,2.5,7,UK\n",
    );
    let index = folder.path().join("index of the server's shop");
    let index = ["--index", index.to_str().unwrap()];
    let options = [&["--watch", "--rebuild", "stock"], &index[..]].concat();
    let run = shop.replay_run(&[&file], &options);
    assert_eq!((run.code, &run.out), (Some(0), &program::replay(&[&file], &data)), "{run:?}");
    for args in [
        &["report"][..],
        &["rename", "17850", "Ada"],
        &["rename", "17850", "Ada"],
        &["rename", "4711", "Bob"],
        &["report"],
        &["report", "--customer", "4711"],
        &["search", "lamp"],
        &["watch", "--times", "1"],
    ] {
        let ours = shop.run(&[args, &index].concat());
        let theirs = program::run(&[args, &data].concat());
        assert_eq!((ours.code, ours.out, ours.err), (theirs.code, theirs.out, theirs.err));
    }
    let text = shop.run(&["report", "--customer", "17850"]).out;
    let line = "1 2010-12-01 08:26:00 confirmed 4 items 10 Ada <c17850@example.invalid>\n";
    assert!(text.contains(line), "{text}");
}

/// A server's shop is for one process: what another one would do with the views is refused, and makes nothing.
#[tokio::test]
async fn the_commands_of_the_views_need_a_shop_and_make_none() {
    let shop = Shop::new();
    for args in [&["report"][..], &["rebuild", "stock"], &["watch"], &["rename", "1", "Ada"]] {
        let run = shop.run(args);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.err.contains("expected a shop that was replayed into"), "{run:?}");
    }
    assert_eq!(shop.made(&mut super::shops::admin().await).await, 0);
}
