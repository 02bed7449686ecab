output "id" {
  description = "The bucket's id."
  value       = sim_bucket.this.id
}

output "name" {
  description = "The bucket's name."
  value       = sim_bucket.this.name
}

output "endpoint" {
  description = "Where the bucket is reached."
  value       = sim_bucket.this.endpoint
}
