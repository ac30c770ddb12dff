"""What people ask a cluster about TracedModels: ``kubectl tracedmodel``. Pure views, and I/O at the edge."""
