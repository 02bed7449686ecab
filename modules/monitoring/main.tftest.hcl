# Run with: formwork test

mock_provider "sim" {}

run "watches_the_gpus" {
  command = plan

  variables {
    scrape_jobs             = ["app"]
    gpu_temperature_limit_c = 70
  }

  assert {
    condition = [
      for job in jsondecode(sim_object.settings.document.data["prometheus.yml"]).scrape_configs : job.job_name
    ] == ["dcgm-exporter", "app"]
    error_message = "GPUs come first, then what was asked for."
  }

  assert {
    condition = (
      jsondecode(sim_object.settings.document.data["alerts.yml"]).groups[0].rules[0].expr
      == "DCGM_FI_DEV_GPU_TEMP > 70"
    )
    error_message = "The limit is the one that was given."
  }
}
