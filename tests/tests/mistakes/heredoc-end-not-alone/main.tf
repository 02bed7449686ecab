locals {
  script = <<EOT
#!/bin/sh
echo hello
EOT;
}

output "script" {
  value = local.script
}
