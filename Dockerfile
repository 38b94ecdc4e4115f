FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends bubblewrap && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . .
ARG TORCH=torch==2.13.0
RUN pip install --no-cache-dir "$TORCH" && pip install --no-cache-dir -c constraints.txt '.[server]' && rm -rf frontend/node_modules
RUN useradd --uid 1000 kinscape && mkdir /files && chown kinscape /files
USER kinscape
CMD ["kinscape", "--help"]
