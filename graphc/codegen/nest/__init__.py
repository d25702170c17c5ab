"""Loop nests: the IR between fused groups and vector code, its verifier and its interpreter."""
