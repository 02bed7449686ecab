locals {
  first  = local.second + 1
  second = local.third
  third  = local.first
}
