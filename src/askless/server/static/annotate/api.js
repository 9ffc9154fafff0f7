// The server as functions. The token of the personal link goes into a header, never into an address.

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

// A `fetch` for whom the link was made; it throws what is refused.
export function caller(token) {
  return async (path, options = {}) => {
    const headers = { Authorization: `Bearer ${token}`, ...options.headers };
    const response = await fetch(path, { ...options, headers });
    if (!response.ok) throw new Refused(response.status, await sentence(response));
    return response;
  };
}

export function connect(token) {
  const call = caller(token);

  async function post(path, body) {
    const response = await call(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      keepalive: true,
    });
    return response.json();
  }

  return {
    session: async () => (await call("/api/session")).json(),
    batches: () => post("/api/batches", {}),
    events: (events) => post("/api/events", { events }),
    picture: async (item, size) => (await call(`/api/image/${item}?size=${size}`)).blob(),
    example: async (label, number) => (await call(`/api/example/${label}/${number}`)).blob(),
  };
}

async function sentence(response) {
  try {
    return (await response.json()).detail;
  } catch {
    return response.statusText;
  }
}
