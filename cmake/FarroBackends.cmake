# The loadable backends: libfarro_simt.so (host SIMT runtime) and libfarro_cuda.so (CUDA).
