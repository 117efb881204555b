# syntax=docker/dockerfile:1
# Stage 1 installs the locked environment and builds the model files; stage 2 is what runs, as an ordinary user.
FROM python:3.13-slim-bookworm AS build
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /opt/crosscheck
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --locked --no-default-groups --no-install-project
COPY models models
COPY watchlists watchlists
COPY service service
RUN uv sync --locked --no-default-groups --no-editable
ENV CROSSCHECK_MODELS=/opt/crosscheck/model-files NUMBA_CACHE_DIR=/opt/crosscheck/kernels
RUN .venv/bin/crosscheck models prepare && chmod -R a+rX /opt/crosscheck

FROM python:3.13-slim-bookworm
RUN useradd --create-home --uid 10001 crosscheck && install -d -o crosscheck -m 0700 /var/lib/crosscheck
# Code and model files belong to root; only compiled kernels may be written, for a processor other than the builder's.
COPY --from=build /opt/crosscheck /opt/crosscheck
RUN chown -R crosscheck /opt/crosscheck/kernels
ENV PATH=/opt/crosscheck/.venv/bin:$PATH \
    CROSSCHECK_HOME=/var/lib/crosscheck \
    CROSSCHECK_MODELS=/opt/crosscheck/model-files \
    NUMBA_CACHE_DIR=/opt/crosscheck/kernels
USER crosscheck
VOLUME /var/lib/crosscheck
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["crosscheck", "serve", "--host", "0.0.0.0", "--port", "8000"]
