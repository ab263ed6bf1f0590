//! What must not compile, beside what does. The latter also makes the compiler go as far as it must to see the former.

#[test]
fn a_saga_that_cannot_be_trusted_does_not_compile() {
    let tests = trybuild::TestCases::new();
    tests.pass("tests/ui/saga_is_complete.rs");
    tests.compile_fail("tests/ui/saga_step_without_compensation.rs");
    tests.compile_fail("tests/ui/saga_refusable_behind_pivot.rs");
    tests.compile_fail("tests/ui/saga_compensation_behind_pivot.rs");
    tests.compile_fail("tests/ui/saga_key_of_the_wrong_direction.rs");
    tests.compile_fail("tests/ui/saga_with_pivot_within_saga.rs");
    tests.compile_fail("tests/ui/saga_output_of_another_type.rs");
    // The compiler calls a type by its full path if a dependency has another of its name, as the client of NATS has.
    if cfg!(feature = "nats") {
        tests.compile_fail("tests/ui/saga_compensation_gives_up.rs");
    }
}
