"""Public data sets in their own layouts, read as annotations; one small file each."""
