// Requests to the server: documents, or an error that says what is wrong and what to do.

export class ApiError extends Error {
  constructor({ error, remedy }, status) {
    super(error);
    this.remedy = remedy;
    this.status = status;
  }
}

async function answered(response) {
  const document = await response.json().catch(() => ({ error: `the server said ${response.status}`, remedy: "" }));
  if (!response.ok) throw new ApiError(document, response.status);
  return document;
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError({ error: "the server does not answer", remedy: "is devise serve still running?" }, 0);
  }
  return answered(response);
}

export const query = (parameters) => {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return new URLSearchParams(given).toString();
};

export const get = (path, parameters = {}, signal = undefined) => ask(`${path}?${query(parameters)}`, { signal });

export const send = (path, parameters, photo, signal = undefined) =>
  ask(`${path}?${query(parameters)}`, {
    method: "POST",
    body: photo,
    headers: { "content-type": photo.type.startsWith("image/") ? photo.type : "application/octet-stream" },
    signal,
  });

export const post = (path, document = {}) =>
  ask(path, { method: "POST", body: JSON.stringify(document), headers: { "content-type": "application/json" } });

export const remove = (path) => ask(path, { method: "DELETE" });
