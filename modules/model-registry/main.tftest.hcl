# Run with: formwork test

mock_provider "sim" {}

variables {
  bucket_endpoint = "https://bucket"
}

run "keeps_models_in_the_bucket" {
  command = plan

  assert {
    condition     = sim_object.settings.document.data["artifact-root"] == "https://bucket/models"
    error_message = "Models are in a folder of the bucket."
  }

  assert {
    condition     = output.url == "http://model-registry.model-registry.svc:5000"
    error_message = "The server is reached through its service."
  }
}

# What stands below is not this module's business.
run "passes_the_servers_address_on" {
  command = plan

  override_module {
    target  = module.server
    outputs = { url = "http://elsewhere" }
  }

  assert {
    condition     = output.url == "http://elsewhere"
    error_message = "The address is the server's."
  }
}
