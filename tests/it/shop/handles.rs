//! What must not compile.

#[test]
fn a_service_does_not_take_another_services_database() {
    trybuild::TestCases::new().compile_fail("tests/ui/shop_handles_do_not_mix.rs");
}
