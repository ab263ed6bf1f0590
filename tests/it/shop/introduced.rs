//! The decisions of those who keep the customers and the catalogue.

use freehold::Personal;
use freehold::testkit::given;

use super::parts::contracts::{Article, Customer, Line, Money, Profile, StockCode, articles};
use super::parts::products::aggregate::{Product, Refusal as NeverRefused};
use super::parts::products::events::ProductEvent;
use super::parts::users::aggregate::{Refusal as NoUser, User};
use super::parts::users::events::UserEvent;

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

#[test]
fn a_customer_is_registered_once_and_keeps_another_name() {
    let profile = Profile::of_number(17_850);
    assert_eq!((&*profile.name, &*profile.email), ("Customer 17850", "c17850@example.invalid"));
    let customer = Customer::Number(17_850);
    let personal = customer.personal(profile.clone()).unwrap();
    let registered = || UserEvent::CustomerMet(personal.clone());
    let renamed = || UserEvent::CustomerRenamed(customer.personal("Ada".to_owned()).unwrap());
    let register = |user: &User| Ok::<_, NoUser>(user.register(&personal));
    given([]).when(register).then([registered()]);
    given([registered(), renamed()]).when(register).then_nothing();
    given([registered()]).when(|u: &User| u.rename(customer, "Ada")).then([renamed()]);
    given([registered(), renamed()]).when(|u: &User| u.rename(customer, "Ada")).then_nothing();
    given([]).when(|u: &User| u.rename(customer, "Ada")).then_error(NoUser::NoUser);
    // What was recorded in plain counts as much.
    let before = || UserEvent::UserRegistered(Profile::of_number(17_850));
    let plain = UserEvent::UserRenamed { name: "Ada".to_owned() };
    given([before()]).when(register).then_nothing();
    given([before()]).when(|u: &User| u.rename(customer, "Ada")).then([renamed()]);
    given([before(), plain]).when(|u: &User| u.rename(customer, "Ada")).then_nothing();
    // Who was forgotten is known, and nothing is written down of them.
    let subject = || customer.subject().unwrap();
    let met = || UserEvent::CustomerMet(Personal::forgotten(subject()));
    let called = || UserEvent::CustomerRenamed(Personal::forgotten(subject()));
    for forgotten in [vec![met()], vec![met(), called()], vec![before(), called()]] {
        given(forgotten.clone()).when(register).then_nothing();
        given(forgotten).when(|u: &User| u.rename(customer, "Bob")).then_error(NoUser::Forgotten);
    }
    for name in ["", "a\nb", &"x".repeat(191)] {
        given([registered()]).when(|u: &User| u.rename(customer, name)).then_error(NoUser::NoName);
    }
}

#[test]
fn a_product_keeps_its_first_description_and_has_its_latest_price() {
    let line = |price: &str, description: &str| Line {
        code: StockCode::new("A").unwrap(),
        units: 1,
        price: money(price),
        description: description.to_owned(),
    };
    let said = articles(&[line("1", ""), line("2", "LAMP"), line("3", "lamp")]);
    let said: Vec<Article> = said.into_values().collect();
    let article = |price: &str, description: &str| Article {
        description: description.to_owned(),
        price: money(price),
    };
    assert_eq!(said, [article("3", "LAMP")]);
    let list = |article: Article| move |p: &Product| Ok::<_, NeverRefused>(p.list(&article));
    let described = || ProductEvent::ProductDescribed { description: "LAMP".to_owned() };
    let priced = |price: &str| ProductEvent::ProductPriced { price: money(price) };
    given([]).when(list(article("3", "LAMP"))).then([described(), priced("3")]);
    given([]).when(list(article("0", ""))).then([priced("0")]);
    given([priced("0")]).when(list(article("0", "LAMP"))).then([described()]);
    given([described(), priced("3")]).when(list(article("3.0", "lamp"))).then_nothing();
    given([described(), priced("3")]).when(list(article("2", ""))).then([priced("2")]);
}
