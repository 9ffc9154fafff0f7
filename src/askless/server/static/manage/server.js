// The server as functions. The token of the personal link goes into a header, never into an address.

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export function connect(token) {
  const versions = new Map();

  async function call(path, options = {}) {
    const headers = { Authorization: `Bearer ${token}`, ...options.headers };
    const response = await fetch(path, { ...options, headers });
    if (!response.ok) throw new Refused(response.status, await sentence(response));
    return response;
  }

  // What is at `path`, or null if it is still what the last call with this path got.
  async function news(path) {
    const url = new URL(`/api/manage/${path}`, location.origin);
    if (versions.has(path)) url.searchParams.set("since", versions.get(path));
    const response = await call(url);
    if (response.status === 204) return null;
    const reply = await response.json();
    versions.set(path, reply.version);
    return reply;
  }

  async function order(path, body = {}) {
    const response = await call(`/api/manage/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    return response.status === 204 ? null : response.json();
  }

  return {
    news,
    order,
    forget: (path) => versions.delete(path),
    link: async (id) => (await call(`/api/manage/invitations/${id}/link`)).json(),
    picture: async (item, size) => (await call(`/api/image/${item}?size=${size}`)).blob(),
    labels: async (form) => (await call(`/api/manage/export/${form}`)).blob(),
  };
}

async function sentence(response) {
  try {
    const { detail } = await response.json();
    return typeof detail === "string" ? detail : detail.map((one) => one.msg).join("; ");
  } catch {
    return response.statusText;
  }
}
