package migrate

import (
	"context"
	"encoding/json"
	"fmt"
)

// A view holds no data, and put aside it would forbid the changes of what it reads. So it is really dropped, and what makes
// it anew is kept: definition, options, owner, rights and comment.

const pgViewQuery = `SELECT 'CREATE VIEW ' || v.name || coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') || ' AS ' || pg_get_viewdef(c.oid),
  format('ALTER VIEW %s OWNER TO %I', v.name, pg_get_userbyid(c.relowner)),
  coalesce(format('COMMENT ON VIEW %s IS %L', v.name, obj_description(c.oid, 'pg_class')), ''),
  (SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) + (SELECT count(*) FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, LATERAL (SELECT format('%I.%I', n.nspname, c.relname) AS name) v
WHERE c.oid = to_regclass(?) AND c.relkind = 'v'`

const pgRightsQuery = `SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type, ?::text, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
  CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = to_regclass(?) AND a.grantee <> c.relowner ORDER BY 1`

const pgColumnCommentsQuery = `SELECT format('COMMENT ON COLUMN %s.%I IS %L', ?::text, attname, col_description(attrelid, attnum))
FROM pg_attribute WHERE attrelid = to_regclass(?) AND col_description(attrelid, attnum) IS NOT NULL`

// dropView drops a view and keeps what makes it anew. It does nothing to one that has triggers or rules of its own.
func (p postgres) dropView(ctx context.Context, s *session, c Change, u *undo) (dropped bool, err error) {
	var create, owner, remark string
	var more int
	found, err := s.one(ctx, []any{&create, &owner, &remark, &more}, pgViewQuery, s.name(c.Table))
	if err != nil || !found || more > 0 {
		return false, err
	}
	texts := []string{create, owner}
	if remark != "" {
		texts = append(texts, remark)
	}
	for _, query := range []string{pgRightsQuery, pgColumnCommentsQuery} {
		found, err := s.strings(ctx, query, s.name(u.Table), s.name(u.Table))
		if err != nil {
			return false, fmt.Errorf("keep the definition of %s: %w", u.Table, err)
		}
		texts = append(texts, found...)
	}
	if u.Before, err = json.Marshal(texts); err != nil {
		return false, fmt.Errorf("keep the definition of %s: %w", u.Table, err)
	}
	return true, p.user(ctx, s, restricted(c))
}

// createView makes a view anew.
func (p postgres) createView(ctx context.Context, s *session, u *undo) error {
	var texts []string
	if err := json.Unmarshal(u.Before, &texts); err != nil {
		return fmt.Errorf("read the definition that was kept: %w", err)
	}
	return s.all(ctx, texts...)
}
