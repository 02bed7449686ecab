output "gpus" {
  description = "The GPUs that were seen: PCI address, vendor and device by number, driver."
  value       = data.host_facts.this.gpus
}

output "distribution" {
  description = "What the table has for the host's system."
  value       = local.distribution
}

output "installed" {
  description = "The versions of the kernel and its drivers."
  value       = host_kernel_package.gpu.installed
}

output "cache" {
  description = "Where the caches are; null without disks for them."
  value       = one(host_mount.cache[*].path)
}
