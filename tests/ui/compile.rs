//! What must not compile, beside what does. The latter also makes the compiler go as far as it must to see the former.

#[test]
fn what_must_not_compile_does_not() {
    let tests = trybuild::TestCases::new();
    tests.pass("projection_is_complete.rs");
    tests.pass("saga_is_complete.rs");
    tests.compile_fail("composer_*.rs");
    tests.compile_fail("projection_[!i]*.rs");
    tests.compile_fail("projection_is_[!c]*.rs");
    tests.compile_fail("saga_[!i]*.rs");
    tests.compile_fail("shop_*.rs");
}
