"""PyTorch's functions under PyTorch's names and signatures: `dim`, `keepdim`, `unbiased`, parts by size ...

Each is a few words over the functions of `graphc.numpy`, whose rules it shares, and takes what they take: symbolic
tensors, eager tensors, arrays.  Users find them in `graphc.eager`; most are methods of tensors too (`methods`).
"""
