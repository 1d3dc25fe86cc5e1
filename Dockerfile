# takd with everything pinned, for a project that is mounted at /project: docs/run-on-a-cluster.md.
# INDEX: where torch is taken from. Left out, its wheels bring CUDA; give an index of its CPU builds for processors alone.
ARG PYTHON=3.11.7

FROM python:${PYTHON}-slim-bookworm AS made
ARG INDEX=""
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
COPY requirements.txt ./
RUN python -m venv /opt/takd \
    && if [ -n "$INDEX" ]; then \
         grep -E '^torch(vision)?==' requirements.txt > torch.txt \
         && /opt/takd/bin/pip install --index-url "$INDEX" --requirement torch.txt; \
       fi \
    && /opt/takd/bin/pip install --requirement requirements.txt
COPY pyproject.toml setup.py README.md LICENSE Snakefile params.yaml dvc.yaml .dvcignore .gitignore ./
COPY src ./src
COPY workflow ./workflow
COPY presets ./presets
COPY paper ./paper
COPY profiles ./profiles
COPY .dvc ./.dvc
RUN /opt/takd/bin/pip install --no-deps --no-build-isolation .

FROM python:${PYTHON}-slim-bookworm
COPY --from=made /opt/takd /opt/takd
# Not root, and nothing in the image is written: what is made lies in the mounted project, caches in /tmp.
ENV PATH=/opt/takd/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp XDG_CACHE_HOME=/tmp/cache MPLCONFIGDIR=/tmp/matplotlib
USER 1000:1000
WORKDIR /project
CMD ["takd", "list"]
