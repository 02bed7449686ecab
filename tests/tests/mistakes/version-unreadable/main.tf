language {
  compatible_with {
    opentofu = "latest"
  }
}
