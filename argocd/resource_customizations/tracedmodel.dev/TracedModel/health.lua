-- The health of a TracedModel. Its status keeps to kstatus: observedGeneration is -1 before the operator
-- saw it, Reconciling and Stalled stand only while they are True, and never both.

local function answer(status, message)
  return { status = status, message = message }
end

if obj.metadata.deletionTimestamp ~= nil then
  return answer("Progressing", "Pending deletion")
end

if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return answer("Progressing", "Waiting for the operator to see this generation")
end

local found = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  found[condition.type] = condition
end

local function told(condition)
  return condition.reason .. ": " .. condition.message
end

local function is_true(kind)
  return found[kind] ~= nil and found[kind].status == "True"
end

if is_true("Stalled") then
  return answer("Degraded", told(found.Stalled))
end
if is_true("Suspended") then
  if found.Ready ~= nil and found.Ready.status ~= "True" then
    return answer("Suspended", told(found.Ready))
  end
  return answer("Suspended", told(found.Suspended))
end
if is_true("Ready") then
  return answer("Healthy", told(found.Ready))
end
if found.Ready ~= nil then
  return answer("Progressing", told(found.Ready))
end
return answer("Progressing", "Waiting for the operator to say whether it is ready")
