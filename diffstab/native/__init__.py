"""A compiled kernel for the CPU: displacement and bilinear sampling in one pass, and random words.

Open `library` first: it finds the kernel, and says which level of the processor it uses. `deform` and `philox` call it.
`kernel.c` includes `avx512.h` and `avx2.h`, and each of those `rows.h` and `philox.h`. The wheel has the kernel where a
C compiler was at hand; everything works without it, by torch. The room imports nothing of the package. Import from its
files, since `library` needs no torch.
"""
