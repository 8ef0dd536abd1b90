# Tells what Godot made of an imported scene, as one line of JSON.
extends SceneTree

var found = {"meshes": 0, "skeletons": 0, "bones": 0, "animations": [], "textures": []}

func _init():
	var scene = load("res://fox.glb").instance()
	look(scene)
	print("FOUND " + to_json(found))
	scene.free()
	quit()

func look(node):
	if node is MeshInstance:
		found.meshes += 1
		for i in range(node.mesh.get_surface_count()):
			var material = node.mesh.surface_get_material(i)
			var texture = material.albedo_texture if material else null
			if texture:
				found.textures.append([texture.get_width(), texture.get_height()])
	if node is Skeleton:
		found.skeletons += 1
		found.bones += node.get_bone_count()
	if node is AnimationPlayer:
		for name in node.get_animation_list():
			found.animations.append(name)
	for child in node.get_children():
		look(child)
