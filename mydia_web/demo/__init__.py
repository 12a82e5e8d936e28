"""The sample household that `mydia-web demo` shows: everything in it is invented."""
