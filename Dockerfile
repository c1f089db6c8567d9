# Untested: written after the steps that are tested on Debian 13 (scripts/setup), never built.
#   docker build -t gbflux .
#   docker run --rm -v "$PWD/results:/gbflux/results" gbflux make run
FROM debian:trixie-slim

RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates make \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /gbflux
COPY . .
RUN scripts/setup && apt-get clean && rm -rf /var/lib/apt/lists/* /root/.cache/pip

ENV PATH=/gbflux/.venv/bin:$PATH \
    OMP_NUM_THREADS=1 \
    OMPI_ALLOW_RUN_AS_ROOT=1 \
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
CMD ["gbflux", "--help"]
