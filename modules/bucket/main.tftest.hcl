# Run with: formwork test

mock_provider "sim" {}

variables {
  name = "models"
}

run "keeps_versions" {
  command = plan

  assert {
    condition     = sim_bucket.this.versioning
    error_message = "A bucket keeps versions unless told otherwise."
  }

  assert {
    condition     = output.name == "models" && output.id == sim_bucket.this.id
    error_message = "The outputs are the bucket's."
  }
}
