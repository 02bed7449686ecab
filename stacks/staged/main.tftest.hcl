# Run with: formwork test
# What three stages make is tested against a real API server; this is what is refused before any of them.

variables {
  config_context = "none"
  host           = "https://127.0.0.1:1"
}

run "refuses_a_bad_name" {
  command = plan

  variables {
    name = "Not A Name"
  }

  expect_failures = [var.name]
}
