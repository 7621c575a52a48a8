# devise serve: the library at port 8000, photos read-only at /photos, all that is written at /data. See docs/container.md

FROM python:3.11-slim-bookworm AS build
# hnswlib has no wheels and is compiled
RUN apt-get update && apt-get install --yes --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY devise devise
COPY embeddings embeddings
COPY checkpoints checkpoints
# What else is wanted: --build-arg EXTRAS=web,heic,raw,milvus
ARG EXTRAS=web,heic,raw
# The versions that are tested, without torch: their hashes are left out, for pip then wants one of devise itself
RUN grep -v '^ *--hash' requirements.lock | sed 's/ *\\$//' > constraints.txt \
 && python -m venv /opt/devise \
 && /opt/devise/bin/pip install --no-cache-dir --constraint constraints.txt ".[${EXTRAS}]"

FROM python:3.11-slim-bookworm
COPY --from=build /opt/devise /opt/devise
RUN useradd --uid 1000 --create-home devise && install --directory --owner devise --group devise /data /photos
ENV PATH=/opt/devise/bin:$PATH \
    DEVISE_LIBRARY=/data/library \
    XDG_DATA_HOME=/data \
    XDG_CACHE_HOME=/data/cache \
    PYTHONUNBUFFERED=1
USER devise
WORKDIR /photos
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["python", "-m", "devise.web.health", "8000"]
ENTRYPOINT ["devise"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--no-open"]
