//! What must not compile, beside what does. The latter also makes the compiler go as far as it must to see the former.

#[test]
fn a_projection_that_cannot_work_does_not_compile() {
    let tests = trybuild::TestCases::new();
    tests.pass("tests/ui/projection_is_complete.rs");
    tests.compile_fail("tests/ui/projection_forgets_an_event.rs");
    tests.compile_fail("tests/ui/projection_is_strong.rs");
    tests.compile_fail("tests/ui/projection_is_eventual.rs");
    tests.compile_fail("tests/ui/projection_has_one_category_twice.rs");
}
