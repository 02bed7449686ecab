output "zones" {
  value = "zones: ${["a", "b"]}"
}
