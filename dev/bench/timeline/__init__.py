"""`make timeline`: one `pulumi up`, and one table of where its seconds went."""
