//! Kubernetes objects by server-side apply
