# Run with: formwork test

mock_provider "sim" {}

variables {
  bucket_endpoint = "https://bucket"
}

run "keeps_features_in_the_bucket" {
  command = plan

  assert {
    condition     = sim_object.settings.document.data["offline-store"] == "https://bucket/features"
    error_message = "The offline store is a folder of the bucket."
  }

  assert {
    condition     = output.url == "http://feature-store.feature-store.svc:6566"
    error_message = "The server is reached through its service."
  }
}
