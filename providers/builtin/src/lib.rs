//! The built-in provider: terraform_data
